import { playSchedule } from './election-schedule.ts';
import { ElectionCluster } from './election-cluster.ts';
let c: any; const run = ElectionCluster.prototype.run;
(ElectionCluster.prototype as any).run = function (this: ElectionCluster, ms: number) { c = this; run.call(this, ms); };
try { playSchedule(Number(process.argv[2])); } catch (e) { console.log((e as Error).message.split('\n')[0], c.lines.slice(-Number(process.argv[3] ?? 40)).join('\n')); }
console.log(c.timeline.now);
for (const n of c.nodes) { const r = n.replica; if (!r) { console.log(n.id, 'down'); continue; } console.log(n.id, n.frozen, JSON.stringify(r.role, (k,v)=>v instanceof Map?[...v]:v), JSON.stringify([...r.peers]), JSON.stringify([...r.adverts.values()].map((a:any)=>[a.nodeId,a.version,a.neighbours.join(),a.standing.type])), JSON.stringify(r.tails)); }
for (const a of c.nodes) for (const b of c.nodes) if (a.id<b.id) console.log(a.id,b.id,c.network.state(a.id,b.id));
