/**
 * A random rearrangement of rows that keeps the rows of a document together, for permutation tests on rows that are alike within a
 * document: `result[row]` is the row whose label it gets. The documents are laid out one after another in random order, each with its rows
 * in random order, beside the same rows in their own order. Where all documents have the same number of rows, whole documents change
 * places and the test is exact; where each has one row, this is a permutation of rows.
 */
export function documentPermutation(documents: readonly string[], random: () => number): Int32Array {
  const blocks = new Map<string, number[]>();
  documents.forEach((document, row) => {
    const block = blocks.get(document);
    if (block === undefined) blocks.set(document, [row]);
    else block.push(row);
  });
  const places = [...blocks.values()];
  const donors = shuffled(places, random).flatMap((block) => shuffled(block, random));
  const result = new Int32Array(documents.length);
  places.flat().forEach((row, place) => {
    result[row] = donors[place] ?? row;
  });
  return result;
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return order;
}
