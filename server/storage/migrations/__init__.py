"""Every version of the relay's schema (:mod:`server.storage.schema`)."""
