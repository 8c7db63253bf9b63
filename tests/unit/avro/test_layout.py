from driftline.avro.layout import Arena


def test_memory_is_used_again_only_when_nobody_looks_at_it():
    arena = Arena()
    first = arena.take(1000)
    first[:] = 7
    view = first[10:20]
    address = first.ctypes.data
    del first

    second = arena.take(1000)
    assert second.ctypes.data != address
    assert view.tolist() == [7] * 10

    again = second.ctypes.data
    second[:] = 9
    del second
    third = arena.take(500)
    assert third.ctypes.data == again
    assert not third[:500].any()


def test_a_block_of_unusual_size_is_not_kept():
    arena = Arena()
    kept = arena.take(100).ctypes.data
    arena.take(65 << 20)

    assert arena.take(100).ctypes.data == kept
