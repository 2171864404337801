"""The worker's moving parts: poller, router, senders, settler, heartbeat, dead-letter writer, worker."""
