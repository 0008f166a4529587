"""What there is in the language, for completion and syntax help: filters, pipes and functions.

Every example is a query that parses; the tests see to that, and that nothing is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be written: `kind` is `filter`, `pipe`, `stats` or `math`."""

    kind: str
    name: str
    syntax: str
    example: str
    """A whole query."""
    help: str


_FILTERS = """
word | word | error | has the word
phrase | "some phrase" | "connection refused" | has the phrase, between word boundaries
prefix | prefix* | dead* | has a word that begins so
field | field:filter | level:error | applies a filter to a field; without one, it is the message
any value | field:* | user:* | the field is there
empty | field:"" | user:"" | the field is missing
and | a b | error timeout | both
or | a or b | error or warning | either
not | !a, -a, not a | error !timeout | does not match
group | field:(a or b) | level:(error or fatal) | several filters on one field
exact | ="value", ="prefix"* | level:=ERROR | is (or begins with) exactly this
~ | ~"regexp" | ~"took [0-9]{4,} ms" | the regular expression is found in it
> | >x, >=x, <x, <=x | duration:>100 | greater or less, as number or else as text
range | range[a, b), range(a, b] | duration:range[1, 10) | number in a range
{...} | {label="x",other=~"re"} | {job="postgres",ins=~"pg-.*"} | streams with these labels
_stream_id | _stream_id:in(id, ...) | _stream_id:in() | streams with these identifiers
_time | _time:5m, _time:[a, b] | _time:1h offset 1d | time range
day_range | _time:day_range[08:00, 18:00) | _time:day_range[08:00, 18:00) | time of day
week_range | _time:week_range[Mon, Fri] | _time:week_range[Mon, Fri] | day of the week
contains_all | contains_all(a, b) | contains_all(disk, full) | has all words or phrases
contains_any | contains_any(a, b) | contains_any(panic, fatal) | has any of the words or phrases
eq_field | a:eq_field(b) | user:eq_field(owner) | both fields are equal
i | i(phrase), i(prefix*) | i(error) | word or phrase in any letter case
in | in(a, b), in(query) | level:in(ERROR, FATAL) | is one of these values, or of those a query gives
ipv4_range | ipv4_range(a, b), ipv4_range(net/bits) | ip:ipv4_range(10.0.0.0/8) | IPv4 address in a range
ipv6_range | ipv6_range(a, b), ipv6_range(net/bits) | ip:ipv6_range("fe80::/10") | IPv6 address in a range
le_field | a:le_field(b) | used:le_field(limit) | at most the other field
len_range | len_range(min, max) | len_range(1000, inf) | length in characters
lt_field | a:lt_field(b) | used:lt_field(limit) | less than the other field
re | re("regexp") | re("a|b") | the same as ~
seq | seq(a, b) | seq(start, stop) | words or phrases in this order
string_range | string_range(a, b) | user:string_range(a, f) | text from a up to, not including, b
value_type | value_type(t) | pid:value_type(uint16) | how storage encodes the field
"""

_PIPES = """
block_stats | block_stats | * | block_stats | how blocks are stored
blocks_count | blocks_count | * | blocks_count | how many blocks are read
collapse_nums | collapse_nums at f prettify | * | collapse_nums prettify | numbers become placeholders
copy | copy a as b | * | copy _msg as text | copies fields
decolorize | decolorize f | * | decolorize | drops colour codes
delete | delete a, b* | * | delete _stream_id | drops fields
drop_empty_fields | drop_empty_fields | * | drop_empty_fields | drops rows without fields
extract | extract "a=<a> b=<b>" from f | * | extract "duration: <ms> ms" | fields from text by a pattern
extract_regexp | extract_regexp "(?P<a>re)" from f | * | extract_regexp "(?P<ms>[0-9.]+)" | fields by a regexp
facets | facets N | * | facets 5 | most frequent values of every field
field_names | field_names | * | field_names | names of fields, with hits
field_values | field_values f limit N | * | field_values level | values of a field, with hits
fields | fields a, b* | * | fields _time, _msg | only these fields
filter | filter f | * | count() n | filter n:>5 | only rows that match
first | first N by (a) partition by (b) | * | first 5 by (_time) | first rows in order
format | format "<a>, <q:b>" as f | * | format "<user>@<ip>" as who | text from fields
hash | hash(a) as b | * | hash(user) as h | hash of a field
join | join by (a) (query) inner prefix p | * | join by (user) (login | keep user, ip) | adds fields
json_array_len | json_array_len(a) as b | * | json_array_len(tags) as n | items of a JSON array
last | last N by (a) partition by (b) | * | last 5 by (_time) | last rows in order
len | len(a) as b | * | len(_msg) as size | length in bytes
limit | limit N | * | limit 10 | at most N rows
math | math expr as f | * | math duration / 1000 as seconds | calculates
offset | offset N | * | offset 10 | skips N rows
pack_json | pack_json fields (a, b*) as f | * | pack_json as all | fields as one JSON object
pack_logfmt | pack_logfmt fields (a, b*) as f | * | pack_logfmt as all | fields in logfmt
rename | rename a as b | * | rename ins as instance | renames fields
replace | replace ("old", "new") at f | * | replace ("secret", "***") | replaces text
replace_regexp | replace_regexp ("re", "$1") at f | * | replace_regexp ("id=[0-9]+", "id") | replaces matches
running_stats | running_stats by (a) f() as x | * | running_stats count() as n | statistics up to each row
sample | sample N | * | sample 100 | one row of N at random
sort | sort by (a desc) limit N | * | sort by (_time desc) limit 10 | orders rows
stats | stats by (a, _time:5m) f() as x | * | stats by (level) count() as n | statistics by group
stream_context | stream_context before N after N | panic | stream_context after 5 | rows around each match
top | top N by (a) | * | top 5 by (user) | most frequent values
total_stats | total_stats by (a) f() as x | * | total_stats count() as n | statistics over all, per row
union | union (query) | error | union (fatal) | rows of another query too
uniq | uniq by (a) with hits limit N | * | uniq by (user) with hits | distinct values
unpack_json | unpack_json from f fields (a) | * | unpack_json | fields from JSON
unpack_logfmt | unpack_logfmt from f | * | unpack_logfmt | fields from logfmt
unpack_syslog | unpack_syslog from f | * | unpack_syslog | fields from a syslog message
unpack_words | unpack_words from f as g | * | unpack_words as words | unroll words | words as a JSON array
unroll | unroll by (a) | * | unroll by (tags) | a row for each item of a JSON array
"""

_STATS = """
avg | avg(a) | * | stats avg(duration) | average of numbers
count | count() | * | stats count() | rows; with fields, rows that have any of them
count_empty | count_empty(a) | * | stats count_empty(user) | rows without the fields
count_uniq | count_uniq(a) limit N | * | stats count_uniq(user) | distinct values
count_uniq_hash | count_uniq_hash(a) | * | stats count_uniq_hash(user) | distinct values, by hash
histogram | histogram(a) | * | stats histogram(duration) | hits by range
json_values | json_values(a) limit N | * | stats json_values(_msg) limit 5 | rows as a JSON array
max | max(a) | * | stats max(duration) | greatest value
median | median(a) | * | stats median(duration) | value in the middle
min | min(a) | * | stats min(duration) | least value
quantile | quantile(phi, a) | * | stats quantile(0.99, duration) | value below which this part is
rate | rate() | _time:5m | stats rate() | rows per second
rate_sum | rate_sum(a) | _time:5m | stats rate_sum(bytes) | sum per second
row_any | row_any(a) | * | stats by (level) row_any() | some row
row_max | row_max(a, b) | * | stats row_max(duration) | row with the greatest value
row_min | row_min(a, b) | * | stats row_min(duration) | row with the least value
sum | sum(a) | * | stats sum(bytes) | sum of numbers
sum_len | sum_len(a) | * | stats sum_len(_msg) | bytes of values
uniq_values | uniq_values(a) limit N | * | stats uniq_values(user) | distinct values as a JSON array
values | values(a) limit N | * | stats values(user) | all values as a JSON array
"""

_MATH = """
abs | abs(a) | * | math abs(a) as b | absolute value
ceil | ceil(a) | * | math ceil(a) as b | rounded up
exp | exp(a) | * | math exp(a) as b | power of e
floor | floor(a) | * | math floor(a) as b | rounded down
ln | ln(a) | * | math ln(a) as b | natural logarithm
max | max(a, b) | * | math max(a, b) as c | greatest
min | min(a, b) | * | math min(a, b) as c | least
now | now() | * | math now() - a as age | current time, in nanoseconds
rand | rand() | * | math rand() as r | random number from 0 to 1
round | round(a, nearest) | * | math round(a, 0.1) as b | rounded to a multiple
"""


def _entries(kind: str, table: str) -> tuple[Entry, ...]:
    rows = []
    for line in table.strip().splitlines():
        # Examples may have pipes of their own.
        name, syntax, rest = line.split(" | ", 2)
        example, _, text = rest.rpartition(" | ")
        rows.append(Entry(kind, name, syntax, example, text))
    return tuple(rows)


ENTRIES = (
    *_entries("filter", _FILTERS),
    *_entries("pipe", _PIPES),
    *_entries("stats", _STATS),
    *_entries("math", _MATH),
)
"""All entries, in the order in which help shows them."""
