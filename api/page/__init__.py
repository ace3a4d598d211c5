"""The keyboard page: the HTML, CSS and ES modules in `static`, served without a build step. It uses the public API."""
