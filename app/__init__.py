"""The roof: settings, wiring, processes and the command line."""
