"""Which requests are made: `genesys` speaks Genesys Cloud's API, `tutorial` the one that widely read tutorials show."""
