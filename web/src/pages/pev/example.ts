/** A plan to look at for who has none at hand. */
export const example = {
  query: `SELECT c.name, sum(o.amount)
FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE o.placed > now() - interval '30 days'
GROUP BY c.name ORDER BY 2 DESC LIMIT 10;`,
  plan: `Limit  (cost=2911.75..2911.77 rows=10 width=45) (actual time=48.213..48.219 rows=10 loops=1)
  Buffers: shared hit=84 read=921
  ->  Sort  (cost=2911.75..2936.75 rows=10000 width=45) (actual time=48.211..48.214 rows=10 loops=1)
        Sort Key: (sum(o.amount)) DESC
        Sort Method: top-N heapsort  Memory: 26kB
        Buffers: shared hit=84 read=921
        ->  HashAggregate  (cost=2570.65..2695.65 rows=10000 width=45) (actual time=43.010..45.871 rows=9034 loops=1)
              Group Key: c.name
              Batches: 1  Memory Usage: 2961kB
              Buffers: shared hit=84 read=921
              ->  Hash Join  (cost=309.00..2445.40 rows=25050 width=19) (actual time=4.121..31.902 rows=24871 loops=1)
                    Hash Cond: (o.customer_id = c.id)
                    Buffers: shared hit=84 read=921
                    ->  Seq Scan on orders o  (cost=0.00..2070.60 rows=25050 width=10) (actual time=0.021..17.305 rows=24871 loops=1)
                          Filter: (placed > (now() - '30 days'::interval))
                          Rows Removed by Filter: 75129
                          Buffers: shared read=921
                    ->  Hash  (cost=184.00..184.00 rows=10000 width=17) (actual time=4.015..4.016 rows=10000 loops=1)
                          Buckets: 16384  Batches: 1  Memory Usage: 636kB
                          Buffers: shared hit=84
                          ->  Seq Scan on customers c  (cost=0.00..184.00 rows=10000 width=17) (actual time=0.008..1.612 rows=10000 loops=1)
                                Buffers: shared hit=84
Planning Time: 0.412 ms
Execution Time: 48.402 ms`,
};
