"""`python -m wellhead` is the same as `wellhead`."""

from wellhead.cli.main import app

if __name__ == "__main__":
    app()
