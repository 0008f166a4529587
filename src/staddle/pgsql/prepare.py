"""The SQL that makes a PostgreSQL cluster ready to be watched: a role that may read statistics, and no more. Pure.

It is for psql, as a superuser or, on a managed instance, as its administrator. It may be run any number of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.pgsql.scram import verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "monitor"
"""Where pg_stat_statements goes if it isn't there yet."""


def script(role: str, password: str | None, databases: Sequence[str] = ()) -> str:
    """For psql, connected to the database that the exporter connects to.

    `databases` are those whose sequences the role may look at; others it can't tell the use of.
    """
    parts = [_ROLE, *([_LOGIN] if password else []), _GRANTS, _STATEMENTS, _CONNECT, _SEQUENCES]
    parts += [f"\\connect {_identifier(name)}\n{_SEQUENCES}" for name in databases]
    secret = _literal(verifier(password, role)) if password else ""
    filled = (
        part.replace("<role>", _identifier(role))
        .replace("<name>", _literal(role))
        .replace("<verifier>", secret)
        .replace("<schema>", SCHEMA)
        for part in parts
    )
    return _HEAD + "\n".join(filled)


def access(role: str) -> str:
    """The lines of pg_hba.conf that let the role in: SQL can't write them."""
    return f"local  all  {role}                scram-sha-256\nhostssl  all  {role}  <exporter>/32  scram-sha-256\n"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{quoted}'" if "\\" in text else f"'{quoted}'"


_HEAD = """\
-- Makes PostgreSQL ready to be watched. For psql; may be run any number of times.
\\set ON_ERROR_STOP on
SET client_min_messages = warning;

"""
_ROLE = """\
DO $do$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = <name>) THEN
    CREATE ROLE <role> LOGIN;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = <name> AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication
                                                             OR rolbypassrls)) THEN
    RAISE WARNING 'role % may more than watch: superuser, create roles or databases, replicate, or see all rows',
      <name>;
  END IF;
END $do$;
"""
_LOGIN = "ALTER ROLE <role> LOGIN PASSWORD <verifier>;\n"
_GRANTS = """\
DO $do$ BEGIN
  IF NOT pg_has_role(<name>, 'pg_monitor', 'USAGE') THEN
    GRANT pg_monitor TO <role>;
  END IF;
END $do$;
"""
_STATEMENTS = """\
-- Statements, if the server can count them: this takes pg_stat_statements in shared_preload_libraries, and a restart.
DO $do$ DECLARE place name; BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
     AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') THEN
    CREATE SCHEMA IF NOT EXISTS <schema>;
    CREATE EXTENSION pg_stat_statements SCHEMA <schema>;
  END IF;
  SELECT n.nspname INTO place FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements';
  IF place IS NOT NULL AND NOT has_schema_privilege(<name>, place, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', place, <name>);
  END IF;
  IF place IS NULL THEN
    RAISE WARNING 'extension pg_stat_statements is not installed on this server: there will be no metrics of statements';
  ELSIF current_setting('shared_preload_libraries') NOT LIKE '%pg_stat_statements%' THEN
    RAISE WARNING 'pg_stat_statements is not in shared_preload_libraries: there will be no metrics of statements';
  END IF;
END $do$;
"""
_CONNECT = """\
-- Where everybody's right to connect was taken away.
DO $do$ DECLARE d name; BEGIN
  FOR d IN SELECT datname FROM pg_database
           WHERE datallowconn AND NOT datistemplate AND NOT has_database_privilege(<name>, oid, 'CONNECT') LOOP
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', d, <name>);
  END LOOP;
END $do$;
"""
_SEQUENCES = """\
-- How far sequences are, in this database.
DO $do$ DECLARE s name; BEGIN
  FOR s IN SELECT DISTINCT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname !~ '^pg_'
             AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(<name>, c.oid, 'SELECT') ELSE false END LOOP
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', s, <name>);
  END LOOP;
END $do$;
"""
