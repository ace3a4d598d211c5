"""The endpoints, one module for each group; each module has a `router(service)`.

Endpoints that read files or compute are plain functions: FastAPI runs each call in a worker thread.
"""
