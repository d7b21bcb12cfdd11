/** Every line fits 80 columns. */

const connection = `
  --host HOST       where the node listens (SKEIN_HOST, 127.0.0.1)
  --port PORT       its port (SKEIN_PORT, 52415)`;

export const exitCodeHelp = `Exit codes
  0 done            1 failed           2 wrong usage     3 no node answers
  4 not found       5 refused or busy  130 interrupted`;

export const generalHelp = `skein - one machine for language models from the Macs on a desk

Usage: skein COMMAND [options]

  serve             run a node here
  create MODEL      say what should run; Skein keeps it running
  preview MODEL     where it would run, or why nowhere and what would help
  ls                what should run, how it stands, what went wrong last
  rm ID             stop it and forget it
  retry ID          another try for one that failed
  update ID         change what is wanted; it serves on meanwhile if it can
  pause ID          take it off its nodes until it is resumed
  resume ID         place a paused one anew
  place MODEL       run it once where there is room now, without keeping it
  instances         what is placed, on which nodes
  stop INSTANCE     end an Instance; what should run is placed anew
  tasks             the chats under way
  cancel TASK       end one of them
  chat [PROMPT]     ask a model; without a prompt, a conversation
  simulate FILE     play a cluster's life from a file, or random ones
  status            the node that answers, its memory and what it runs
  nodes             the nodes of the cluster, who leads, how they are linked
  pair              show a code that lets one other node in
  join CODE         join the cluster of the node that shows this code
  leave             leave the cluster; this node starts over as one of its own
  remove NODE       take another node out of the cluster for good
  doctor            what is wrong with the cluster, where and what to do

Options of all commands but serve${connection}
  --json            for scripts: JSON on stdout
  --help            more about a command
  --version         the version of this program

${exitCodeHelp}
`;

export const commandHelp = {
  create: `Usage: skein create MODEL [options]

Says that MODEL should run. It is placed at once and kept running until it is
removed. Prints its name.

  --name ID         its name: a-z, 0-9 and "-" (default: from the model's name)
  --sharding KIND   Pipeline or Tensor (Pipeline)
  --interconnect KIND  MlxRing or MlxJaccl (MlxRing)
  --min-nodes N     how many nodes must take part (1)
  --max-nodes N     how many may (as many as it takes)
  --node ID         a node that must take part; may be given often
  --placement GOAL  smallest or fastest set of nodes (smallest)
  --context N       longest context of one chat in tokens
  --priority N      0 to 100: who gives way when memory is short (50)
  --preempt         take the memory of lower priorities if there is no other
  --idle-unload S   leave the nodes after S seconds without a chat; the next
                    chat loads it again
  --wait            return when it is ready, with 1 when it failed
  --timeout SECONDS how long to wait at most (600)
  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  preview: `Usage: skein preview MODEL [options]

Tells where MODEL would run if it was created with these options, with the
layers and memory of each node and the speed to expect; or why it has no place
and which changes would make one. Nothing is started. Exits with 5 when there
is no place.

  --update ID       as an edit of what is there: whether it serves on meanwhile
                    (MODEL may be left out; what is not said stays)
  --priority N      0 to 100: whose memory it might take (50)
  --preempt         say who gives way if there is no other memory
  --sharding KIND   Pipeline or Tensor (Pipeline)
  --interconnect KIND  MlxRing or MlxJaccl (MlxRing)
  --min-nodes N     how many nodes must take part (1)
  --max-nodes N     how many may (as many as it takes)
  --node ID         a node that must take part; may be given often
  --placement GOAL  smallest or fastest set of nodes (smallest)
  --context N       longest context of one chat in tokens
  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  ls: `Usage: skein ls [options]

Lists what should run, with its phase; below it the reason when it has no
place, or its last failure.

  --json            all fields as JSON, by name${connection}

${exitCodeHelp}
`,
  rm: `Usage: skein rm ID [options]

Stops it and forgets it. Chats under way end with an error.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  retry: `Usage: skein retry ID [options]

Another try for one that failed or waits for its next attempt; its count of
failures starts anew.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  update: `Usage: skein update ID [options]

Changes what is wanted. What runs goes on serving until its replacement is
ready, where there is room for both. One that failed gets another try.

  --model MODEL     another model
  --sharding KIND   Pipeline or Tensor
  --interconnect KIND  MlxRing or MlxJaccl
  --min-nodes N     how many nodes must take part
  --max-nodes N     how many may, or any
  --node ID         a node that must take part, in place of those before; may
                    be given often; any = none must
  --placement GOAL  smallest or fastest set of nodes
  --context N       longest context of one chat in tokens; default = the model's
  --priority N      0 to 100: who gives way when memory is short
  --preempt         take the memory of lower priorities if there is no other;
                    --no-preempt takes that back
  --idle-unload S   leave the nodes after S seconds without a chat, or never
  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  pause: `Usage: skein pause ID [options]

Takes it off its nodes until it is resumed. Chats under way end with an error.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  resume: `Usage: skein resume ID [options]

Places a paused one anew and keeps it running.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  place: `Usage: skein place MODEL [options]
       skein place --file FILE

Runs MODEL once: it is refused with the reason where there is no place now, it
is not retried when it fails, and it stays until \`skein stop\` ends it. Prints
the Instance's name. A file places it by hand: the body of POST /instance.

  --sharding KIND   Pipeline or Tensor (Pipeline)
  --interconnect KIND  MlxRing or MlxJaccl (MlxRing)
  --min-nodes N     how many nodes must take part (1)
  --max-nodes N     how many may (as many as it takes)
  --node ID         a node that must take part; may be given often
  --placement GOAL  smallest or fastest set of nodes (smallest)
  --context N       longest context of one chat in tokens
  --file FILE       which node holds which layers, as JSON
  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  instances: `Usage: skein instances [options]

Lists what is placed: how far its runners are and on which nodes.

  --json            all fields as JSON, by name${connection}

${exitCodeHelp}
`,
  stop: `Usage: skein stop INSTANCE [options]

Ends an Instance. If something that should run needs it, it is placed anew:
\`skein rm\` and \`skein pause\` end it for longer.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  tasks: `Usage: skein tasks [options]

Lists the chats under way, the oldest first: on which nodes, how far and how
fast. A chat that is Paused lost its runner and goes on once it is ready again.

  --json            all fields as JSON, by name${connection}

${exitCodeHelp}
`,
  cancel: `Usage: skein cancel TASK [options]

Ends a chat; its client is told. TASK is its name in \`skein tasks\`, or the id
of the answer.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  chat: `Usage: skein chat [PROMPT] [options]

Asks a model and prints the answer as it comes. Without a PROMPT it is read
from stdin when that is piped; on a terminal a conversation begins. Ctrl-C
cancels the answer. Control characters in an answer are left out; --json
keeps them, escaped.

  --model M         name or model (needed when more than one runs)
  --system TEXT     what the model is told first
  --max-tokens N    longest answer in tokens
  --temperature T   0 = always the likeliest token (0.7)
  --seed N          the same seed gives the same answer
  --json            the whole answer as JSON once it is complete${connection}

In a conversation: /clear forgets it, /quit or Ctrl-D ends it.

${exitCodeHelp}
`,
  simulate: `Usage: skein simulate FILE [--seed N] [--json]
       skein simulate --random --seeds N [--nodes A..B] [--json]
       skein simulate --random --seed N [--nodes A..B] [--print]
       skein simulate --schema

Plays the life of a cluster in memory: the real core with simulated clocks,
network, disks, runners and downloads. Needs no node. Exits with 1 when a rule
that must always hold did not. The same file and seed give the same answer.

  --seed N          in place of the file's; with --random, that one life
  --random          random lives, among mishaps of every kind
  --seeds N | A..B  which ones: the first N, or from A to B (100)
  --nodes A..B      how many nodes each has (2..5)
  --print           the scenario of --seed as a file, in place of playing it
  --schema          the JSON Schema of scenario files
  --json            trace, end states, counts and violations as JSON

${exitCodeHelp}
`,
  nodes: `Usage: skein nodes [options]

Lists the nodes of the cluster as the node that answers knows them: who leads,
who is away, free memory, the best link to each, and how many events each is
behind. Where two have one name, the end of the id tells them apart.

  --json            the cluster as JSON${connection}

${exitCodeHelp}
`,
  pair: `Usage: skein pair [options]

Shows a code that lets one other node into this cluster, and waits until it is
used. A code lives five minutes and five wrong guesses; Ctrl-C takes it back.
Exits with 1 when it was of no use in the end.

  --no-wait         show it and return; it stays until it is used or expires
  --json            the code as JSON${connection}

${exitCodeHelp}
`,
  join: `Usage: skein join CODE [options]

Joins the cluster of the node that shows CODE; \`skein pair\` there shows one.
What should run here is taken along. If this node is in a cluster with others,
they stay behind; \`skein leave\` before tells them, and takes nothing along.
Small letters, spaces and dashes in CODE do not matter.

  --peer ADDRESS    IP:PORT of that node, as \`skein pair\` shows it, where it is
                    not found by itself
  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  leave: `Usage: skein leave [options]

Takes the node out of its cluster. It starts over as a cluster of its own: its
log is moved into a folder left-... in the data folder, its models stay. What
should run goes on on the other nodes.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  remove: `Usage: skein remove NODE [options]

Takes another node out of the cluster for good, also one that is away. NODE is
its name in \`skein nodes\`, or its id. The others get a new key, so that it
can not come back unless it is paired again. Nodes that are away just then do
not get the key: they are named, and have to be paired again too.

  --json            the answer as JSON${connection}

${exitCodeHelp}
`,
  doctor: `Usage: skein doctor [options]

What is wrong with the node that answers and its cluster: links, ports, keys,
versions, clocks, permissions and disks, each with what you can do. Exits with
1 when something is.

  --json            as JSON${connection}

${exitCodeHelp}
`,
  status: `Usage: skein status [options]

The node that answers, its version, its memory and what it runs.

  --json            as JSON${connection}

${exitCodeHelp}
`,
} as const;
