"""The keyboard page: plain HTML, CSS and ES modules, sent unchanged; it uses the public API."""
