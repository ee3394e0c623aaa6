#!/usr/bin/env python3
"""Interoperation and hostile-input tests of the shared object. See README.md beside this file."""

import argparse
import importlib
import sys

import report as reporting
import sides

# Each suite with the variant that it is for.
SUITES = {"debian": "notls", "aiocoap": "notls", "libcoapy": "notls", "proxies": "notls", "multicast": "notls", "hostile": "notls", "secured": "openssl"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=(*SUITES, "all"))
    parser.add_argument("--lib", required=True, metavar="DIR", help="directory that holds libcoap-3-notls.so.3, or build/VARIANT/lib")
    parser.add_argument("--only", metavar="TEXT", help="only scenarios whose name contains TEXT")
    parser.add_argument("--without", metavar="LIST", default="", help="parts that are not built yet: observe,block")
    parser.add_argument("--reference", metavar="VERSION", help="compare with this version of the reference only")
    args = parser.parse_args()
    names = SUITES if args.suite == "all" else (args.suite,)
    try:
        ours = {name: sides.Side("ours", sides.variant_beside(args.lib, SUITES[name]), SUITES[name]) for name in names}
    except FileNotFoundError as missing:
        parser.error(str(missing))
    report = reporting.Report()
    for name in names:
        importlib.import_module(f"against_{name}" if name in ("aiocoap", "libcoapy") else name).suite(
            report, ours[name], without=set(filter(None, args.without.split(","))), only=args.only,
            reference=args.reference)
    return 1 if report.total() else 0


if __name__ == "__main__":
    sys.exit(main())
