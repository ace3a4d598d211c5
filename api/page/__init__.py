"""The keyboard page: plain HTML, CSS and ES modules, sent as they lie here, over the same API that everybody uses."""
