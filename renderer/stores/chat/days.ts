const DAY_MS = 24 * 3_600_000;

export type Day = 'today' | 'yesterday' | 'week' | 'month' | 'older';

/** How long ago, as people sort things. Days begin at midnight where the page is. */
export function dayOf(epochMs: number, now: number): Day {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (epochMs >= midnight) return 'today';
  if (epochMs >= midnight - DAY_MS) return 'yesterday';
  if (epochMs >= midnight - 7 * DAY_MS) return 'week';
  return epochMs >= midnight - 30 * DAY_MS ? 'month' : 'older';
}

/** The items, which come newest first, in runs of one day each. */
export function byDay<Item extends { readonly updatedAt: number }>(
  items: readonly Item[],
  now: number,
): readonly { readonly day: Day; readonly items: readonly Item[] }[] {
  const groups: { day: Day; items: Item[] }[] = [];
  for (const item of items) {
    const day = dayOf(item.updatedAt, now);
    const last = groups.at(-1);
    if (last?.day === day) last.items.push(item);
    else groups.push({ day, items: [item] });
  }
  return groups;
}
