"""What is done with one letter so that its event arrives: retries and replays.

`api` is the interface that all actions have, archiving too. The actions are `delivering` (to owed or chosen targets),
`rerouting` (to the source queue), `requesting` (by an API) and `writing` (to a file). `address` says where a letter can
go, `composing` what is sent there, `sending` sends it.
"""
