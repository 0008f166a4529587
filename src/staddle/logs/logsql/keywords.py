"""Words that no filter can begin with, because a pipe or a statistics function may."""

from __future__ import annotations

STATS_NAMES = frozenset(
    "avg count count_empty count_uniq count_uniq_hash histogram json_values max median min quantile rate rate_sum row_any"
    " row_max row_min sum sum_len uniq_values values".split()
)

PIPE_NAMES = frozenset(
    "block_stats blocks_count collapse_nums copy cp decolorize delete del rm drop drop_empty_fields eval extract"
    " extract_regexp facets field_names field_values fields keep filter where first format hash join json_array_len last len"
    " limit head math mv offset skip pack_json pack_logfmt rename replace replace_regexp running_stats sample sort order"
    " stats stats_remote stream_context top total_stats union uniq unpack_json unpack_logfmt unpack_syslog unpack_words"
    " unroll".split()
)

RESERVED_FIRST_WORDS = STATS_NAMES | PIPE_NAMES | {"by"}
