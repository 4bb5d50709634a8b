"""Runs the migrations over the connection, and in the transaction, of the caller."""

from alembic import context

from server.storage.blobs import blobs

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=blobs.metadata,  # of all tables: attachments' are the last
    # SQLite's DDL is transactional too, once BEGIN is ours (server/storage/engine.py).
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
