"""The steps by which a database came to be as `api.storage.tables` says, one Alembic revision a module.

A new step: a module `vNNNN_<what>.py` with the next `revision`, the last one as `down_revision`, and
`upgrade`; then `api.storage.migrate.HEAD`. A step that was released is never changed.
"""
