"""The endpoints, one module for each group; each module has a `router(service)`.

What reads files or computes runs in a worker thread with a deadline: see `Service.run` and `Service.run_slow`.
"""
