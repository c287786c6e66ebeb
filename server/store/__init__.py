"""The durable store of decisions, histories and feedback."""

from server.store.store import DATABASE, Decision, DuplicateRequestError, Feedback, Store, StoreError

__all__ = ["DATABASE", "Decision", "DuplicateRequestError", "Feedback", "Store", "StoreError"]
