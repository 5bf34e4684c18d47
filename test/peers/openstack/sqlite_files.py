"""Lets services that expect MariaDB work on SQLite files: "database is locked" never reaches them.

oslo.db begins a deferred transaction before the first SELECT. In SQLite a later write in it fails for good as soon as
any other connection has written meanwhile. So reads run in autocommit (much as READ COMMITTED), and a transaction
begins, as a writer at once, just before its first write.
"""
import sqlite3
import time

from sqlalchemy import event, pool
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine import Engine

WRITES = ('INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'SAVEPOINT')
PATIENCE_SECONDS = 30


def _patiently(call, *args):
    # time.sleep is eventlet's where it is in use: other green threads of this process may hold the lock.
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call(*args)
        except sqlite3.OperationalError as error:
            if 'locked' not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.005)


def _execute(call, cursor, statement, parameters):
    head = statement.lstrip()[:9].upper()
    if head.startswith('BEGIN'):
        return True
    if head.startswith(WRITES) and not cursor.connection.in_transaction:
        _patiently(cursor.execute, 'BEGIN IMMEDIATE')
    _patiently(call, statement, parameters)
    return True


def prepare():
    """To be called once, after eventlet has patched the libraries and before any engine is made."""
    # As SQLAlchemy 2 does: opening a connection for each query takes longer than the query.
    pysqlite.SQLiteDialect_pysqlite.get_pool_class = classmethod(lambda dialect, url: pool.QueuePool)

    @event.listens_for(Engine, 'do_connect')
    def do_connect(dialect, record, arguments, options):
        options['check_same_thread'] = False

    @event.listens_for(Engine, 'do_execute')
    def do_execute(cursor, statement, parameters, context):
        return _execute(cursor.execute, cursor, statement, parameters)

    @event.listens_for(Engine, 'do_executemany')
    def do_executemany(cursor, statement, parameters, context):
        return _execute(cursor.executemany, cursor, statement, parameters)

    @event.listens_for(Engine, 'connect')
    def connect(connection, record):
        cursor = connection.cursor()
        # The files last as long as the test: nothing is gained by waiting for the disk.
        for pragma in ('journal_mode=WAL', 'synchronous=OFF', 'busy_timeout=0'):
            cursor.execute('PRAGMA ' + pragma)
        cursor.close()
