"""The GraphQL floor: one endpoint that translates between clients and the domains' faces and decides nothing."""
