# SPDX-License-Identifier: Apache-2.0
"""python3 grpcio.py ADDRESS: Debian's python3-grpcio, gRPC's C core, with messages as bytes."""

import sys

import grpc


def text(number, value):
    """A field of text or of a message."""
    value = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(value)]) + value


def first_text(message):
    """The first field, which is text."""
    assert message[0] == 1 << 3 | 2, message
    return message[2 : 2 + message[1]].decode()


money = text(1, "EUR") + bytes([2 << 3, 4])
item = text(1, "TEA-500") + bytes([2 << 3, 2]) + text(3, money)
with grpc.insecure_channel(sys.argv[1]) as channel:
    service = "/shop.v1.Orders/"
    create = channel.unary_unary(service + "CreateOrder")
    order = first_text(create(text(2, "web") + text(3, "tok_visa_4242") + text(4, item), timeout=10))
    get = channel.unary_unary(service + "GetOrder")
    assert first_text(get(text(1, order), timeout=10)) == order
    try:
        get(text(1, "ord_nothing"), timeout=10)
        raise AssertionError("an order that there is not was found")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.NOT_FOUND and "ord_nothing" in error.details(), error
    cancel = channel.unary_unary(service + "CancelOrder")
    seen = 0
    for now in channel.unary_stream(service + "WatchOrder")(text(1, order), timeout=10):
        assert first_text(now) == order
        seen += 1
        if seen == 1:
            cancel(text(1, order), timeout=10)
    assert seen == 2, seen
    watch = channel.unary_stream(service + "WatchOrder")(text(1, first_text(create(text(2, "web") + text(3, "tok_visa_4242") + text(4, item)))))
    next(watch)
    watch.cancel()
    try:
        next(watch)
        raise AssertionError("a watch that was given up goes on")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.CANCELLED, error
print("ok")
