// Counts as people read them.

export const number = (n) => n.toLocaleString("en");

export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
