"""Makes a host equal its manifest, component by component, and says what it did.

Everything here is stdlib-only and runs on Python ≥ 3.9, because it is shipped to managed hosts as one zipapp
(`bundle.py` stays behind). Start reading at `agent.py`; `docs/converge.md` describes the behaviour, the report and
the ledger.
"""
