"""One file a page; `app.py` navigates between them."""
