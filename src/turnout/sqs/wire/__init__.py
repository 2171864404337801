"""SQS spoken directly: AWS JSON 1.0 over pooled keep-alive HTTP/1.1, signed with SigV4.

Through aioboto3 a call with ten messages takes 500 to 700 microseconds of CPU time, here it takes 40 to 90, of which a
third is the MD5 of what is received (`python -m tests.benchmarks.sqs_calls`). The package does the five calls of
`turnout.sqs.api` and nothing else. Credentials, regions and endpoints come from aioboto3, through
`turnout.sqs.session`; the meaning of answers and errors is shared with `turnout.sqs.aio`.

    client      the calls
    route       signed exchanges with one endpoint: what is sent again, and what never is
    codec       requests and errors as JSON
    sign        SigV4
    endpoint    where to connect, TLS, proxies
    pool        connections, kept and limited
    connection  one HTTP/1.1 connection
"""
