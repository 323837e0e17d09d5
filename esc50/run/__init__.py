"""One run from config to results; cross-validation; the ledger."""
