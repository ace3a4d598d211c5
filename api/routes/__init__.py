"""The endpoints, a concept a module: each gives its routes over a `Service`.

Endpoints are plain functions where they read files or compute: each call runs in a worker thread.
"""
