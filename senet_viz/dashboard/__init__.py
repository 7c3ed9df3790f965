"""Pages that render what the floors below computed; `app.py` navigates between them."""
