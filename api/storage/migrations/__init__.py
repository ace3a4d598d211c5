"""The revisions that lead to the tables of `api.storage.schema`, one Alembic revision in each module.

To add one, write a module `vNNNN_<change>.py` with the next `revision`, the previous one as `down_revision`, and
`upgrade`. Then update `api.storage.schema.HEAD`. Never change a revision that was released.
"""
