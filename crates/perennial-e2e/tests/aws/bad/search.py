"""Searching things."""

from .words import body

ROWS = [
    (400, "InvalidRequestException", ("POST", "/indices/search", b"{}")),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString=""))),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString="x" * 1001))),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString="(" * 1000))),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString="-" * 1000))),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString='thingName:"a'))),
    (400, "InvalidQueryException", ("POST", "/indices/search", body(queryString="colour:red"))),
    (400, "InvalidRequestException", ("POST", "/indices/search", body(queryString="*", maxResults=0))),
    (400, "InvalidRequestException", ("POST", "/indices/search", body(queryString="*", nextToken="AAAA"))),
    (404, "ResourceNotFoundException", ("POST", "/indices/search", body(queryString="*", indexName="mine"))),
    (404, "ResourceNotFoundException", ("GET", "/indices/mine")),
    (400, "InvalidRequestException", ("GET", "/indices?nextToken=AAAA")),
    (400, "InvalidRequestException", ("POST", "/indexing/config",
                                      body(thingIndexingConfiguration={"thingIndexingMode": "ALL"}))),
    (400, "InvalidRequestException",
     ("POST", "/indexing/config", body(thingIndexingConfiguration={
         "thingIndexingMode": "REGISTRY", "customFields": [{"name": "attributes.a", "type": "Number"}]}))),
]
