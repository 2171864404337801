"""The status page at `/`: how things go, and what the rules say about an event that is pasted.

`content` puts a snapshot and a history (`turnout.service.history`) into what the templates show, `pages` answers
requests. What it looks like is in `templates` and `static`; whatever is put into a template is escaped there. Bodies of
messages are never shown: no snapshot has any.
"""
