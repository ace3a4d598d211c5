"""The keyboard page: HTML, CSS and ES modules, served without a build step. It uses the public API."""
