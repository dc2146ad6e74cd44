"""Words that rows are made of."""

import json

long = "x" * 129
HEX = "0" * 64
without = lambda name: lambda fields: fields.pop(name)
as_ = lambda name, value: lambda fields: fields.update({name: value})
body = lambda **members: json.dumps(members).encode()
