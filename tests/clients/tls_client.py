"""A client that is told nothing of certificates: whom it trusts is in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, which gRPC reads
once in a process.

    tls_client.py TARGET [TOKEN]

Prints what the server serves, and what becomes of SQL.
"""
import sys

from generation import PACKAGE


def main():
    target, *token = sys.argv[1:]
    with PACKAGE.connect(target, credentials=PACKAGE.BearerCredentials(*token) if token else None) as db:
        print(db.get_server_info()["services"])
        try:
            db.sql("SELECT 1 AS one")
        except Exception as error:
            print(type(error).__name__, error)


if __name__ == "__main__":
    main()
