"""A tamper-evident ledger: hash chain and RFC 6962 tree in one, signed C2SP checkpoints, verification.

Everything here is pure but `driftline.ledger.store`, which keeps a ledger in a database.
"""
