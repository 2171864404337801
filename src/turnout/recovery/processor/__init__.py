"""The long-running processor: what time heals is delivered, what nothing heals is archived, the rest waits.

`policy` decides what is next for a letter, purely; `effects` are the things it needs done, as interfaces; `handling`
takes one letter through ledger, action and queue, `resting` leaves a target alone that fails, `rounds` goes through
the letters again and again, `counts` says what came of it. Who does the effects is wired above this package.
"""
