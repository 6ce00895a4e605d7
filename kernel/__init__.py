"""The ground floor: what every domain stands on and what knows nothing of books being sold."""
