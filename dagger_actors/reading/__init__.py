"""From a file's text, or data, to checked values with their places: what flow files and system files share."""
