"""The steps to the schema of `api.storage.tables`, one Alembic revision in each module.

A new step: a module `vNNNN_<what>.py` with the next `revision`, the last one as `down_revision`, and
`upgrade`; then `api.storage.migrate.HEAD`. A step that was released is never changed.
"""
