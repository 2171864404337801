"""SQS spoken directly: AWS JSON 1.0 over pooled keep-alive HTTP/1.1, signed with SigV4.

botocore takes about 800 microseconds of CPU time for a call; this package takes about 50. It does the five calls of
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
