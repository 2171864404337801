"""What `turnout dlq` and its relatives work with, put together: settings, sources of letters, ledger, services.

The composition root of recovery. The work itself is in `turnout.recovery`; this is where it meets `turnout.genesys`,
the clients of AWS and the environment.
"""
