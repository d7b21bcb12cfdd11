import { ElectionCluster } from './election-cluster.ts';
import { playSchedule } from './election-schedule.ts';
import { ElectionNode } from './election-node.ts';
let n = 0;
let c: any;
const types = new Map<string, number>();
const run = ElectionCluster.prototype.run;
(ElectionCluster.prototype as any).run = function (this: ElectionCluster, ms: number) {
  c = this;
  run.call(this, ms);
};
const input = ElectionNode.prototype.input;
ElectionNode.prototype.input = function (i: any) {
  const k = i.type === 'Received' ? i.envelope.message.type : i.type;
  types.set(k, (types.get(k) ?? 0) + 1);
  if (++n > 60000) {
    console.log(c.lines.slice(-15).join('\n'));
    console.log(
      c.timeline.now,
      this.id,
      JSON.stringify(i).slice(0, 300),
      JSON.stringify(this.replica?.role),
      [...types],
    );
    process.exit(1);
  }
  input.call(this, i);
};
for (let s = Number(process.argv[2]); s < Number(process.argv[3]); s++) {
  n = 0;
  types.clear();
  const t = performance.now();
  try {
    playSchedule(s);
    console.log(s, 'ok', n, Math.round(performance.now() - t));
  } catch (e) {
    console.log(s, (e as Error).message.split('\n')[0], n, Math.round(performance.now() - t));
  }
}
