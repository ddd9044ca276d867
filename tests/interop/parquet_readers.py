"""Rows of all column types: `write ROWS FILE` writes them as JSON lines and prints the types of the columns,
`compare ROWS PARQUET...` reads our column files with pyarrow, page checksums verified, and compares them."""

import base64
import datetime
import decimal
import json
import random
import sys

decimal.getcontext().prec = 60
EPOCH = datetime.datetime(1970, 1, 1)

# Name, type, value of row i (NULL apart); in the order of the columns.
COLUMNS = [
    ("id", "long", lambda i, r: i),
    ("device", "string", lambda i, r: "device-%d" % r.randrange(10007)),
    ("note", "string", lambda i, r: "".join(r.choice("abc \u00e4\u7537") for _ in range(r.randrange(30)))),
    ("few", "int", lambda i, r: r.randrange(-3, 3)),
    ("many", "int", lambda i, r: r.randrange(-(2**31), 2**31)),
    ("wide", "long", lambda i, r: r.randrange(-(2**63), 2**63)),
    ("turn", "long", lambda i, r: r.randrange(50) if i < 40000 else i),  # a dictionary that is given up
    ("f", "float", lambda i, r: r.randrange(-1000, 1000) / 8),
    ("d", "double", lambda i, r: r.uniform(-1e9, 1e9)),
    ("ok", "boolean", lambda i, r: r.random() < 0.3),
    ("bytes", "binary", lambda i, r: r.randbytes(r.randrange(12))),
    ("at", "timestamp", lambda i, r: EPOCH + datetime.timedelta(microseconds=r.randrange(4 * 10**15))),
    ("day", "date", lambda i, r: datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randrange(30000))),
    ("small", "decimal(9,2)", lambda i, r: decimal.Decimal(r.randrange(-(10**9) + 1, 10**9)).scaleb(-2)),
    ("mid", "decimal(18,3)", lambda i, r: decimal.Decimal(r.randrange(-(10**18) + 1, 10**18)).scaleb(-3)),
    ("large", "decimal(38,5)", lambda i, r: decimal.Decimal(r.randrange(-(10**38) + 1, 10**38)).scaleb(-5)),
    ("none", "string", lambda i, r: None),
]


def all_rows(count):
    generator = random.Random(7)
    for i in range(count):
        # NULLs come in stretches, so that some pages have none.
        nulls = i // 5000 % 3 == 1
        row = {}
        for name, _, make in COLUMNS:
            value = make(i, generator)
            row[name] = None if nulls and name != "id" and generator.random() < 0.2 else value
        yield row


def as_json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return value


def write(count, path):
    with open(path, "w", encoding="utf-8") as out:
        for row in all_rows(count):
            out.write(json.dumps({name: as_json(value) for name, value in row.items()}) + "\n")
    print(",".join("%s:%s" % (name, kind) for name, kind, _ in COLUMNS))


def compare(count, paths):
    import pyarrow
    import pyarrow.parquet

    tables = []
    for path in sorted(paths):
        file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
        assert file.metadata.created_by == "DataLakeDB version 3", file.metadata.created_by
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                assert file.metadata.row_group(group).column(column).has_offset_index
        tables.append(file.read())
    table = pyarrow.concat_tables(tables)
    names = [name for name in table.column_names if not name.startswith("_")]
    assert names == sorted(names, key=lambda name: int(name[1:])), names
    assert len(names) == len(COLUMNS), names
    found = {}
    for values in zip(*(table.column(name).to_pylist() for name in names)):
        # The files from before the compaction may still be there.
        assert found.setdefault(values[0], values) == values
    assert len(found) == count, (len(found), table.num_rows)
    assert not any(table.column("_delete").to_pylist())
    for row in all_rows(count):
        expected = tuple(row.values())
        assert found[row["id"]] == expected, (found[row["id"]], expected)
    print("pyarrow %s read %d rows of %d files as written" % (pyarrow.__version__, count, len(paths)))


if sys.argv[1] == "write":
    write(int(sys.argv[2]), sys.argv[3])
else:
    compare(int(sys.argv[2]), sys.argv[3:])
