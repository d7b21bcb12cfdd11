import type { Command } from '../command.ts';
import { CommandId } from '../id.ts';
import type { Instance } from '../instance.ts';
import { MetaInstanceSpec } from '../meta-instance.ts';
import type { ModelCard } from '../model-card.ts';
import { unreachable } from '../result.ts';
import { GiB } from '../unit.ts';
import { instanceOf } from '../view.ts';
import { nodeIdOf, type Machine } from './machine.ts';
import type { ModelSpec } from './scenario.ts';
import type { StepOf } from './step.ts';
import type { World } from './world.ts';

type Asking = StepOf<
  | 'create'
  | 'update'
  | 'pause'
  | 'resume'
  | 'retry'
  | 'load'
  | 'delete'
  | 'placeInstance'
  | 'createInstance'
  | 'deleteInstance'
  | 'cancelTask'
  | 'removeNode'
>;

/** A person's command, asked at a node. @returns why it had no effect, if it had none */
export function ask(world: World, step: Asking): string | undefined {
  const machine =
    step.node === undefined ? world.machines.find(({ running }) => running) : world.machine(step.node);
  if (machine?.running !== true) return `${machine?.name ?? 'every node'} is off: nobody could be asked`;
  const commandId = CommandId.parse(`command-${world.nextCommand()}`);
  const command = commandOf(world, machine, step, commandId);
  if (command === undefined) return 'there is no such Instance';
  const delayMs = 'model' in step ? modelOf(world, step.model).cardDelayMs : 0;
  world.watch.disturb();
  world.timeline.after(delayMs, () => {
    if (!machine.running) return;
    world.watch.asked(machine.name, command);
    machine.life?.ask(command);
  });
  return undefined;
}

function commandOf(world: World, { disk }: Machine, step: Asking, commandId: CommandId): Command | undefined {
  switch (step.do) {
    case 'create':
      return { type: 'CreateMetaInstance', commandId, metaInstanceId: step.name, ...placing(world, step) };
    case 'update': {
      const { modelId } = step.changes;
      const card = modelId === undefined ? {} : { card: cardOf(modelOf(world, modelId)) };
      return {
        type: 'UpdateMetaInstance',
        commandId,
        metaInstanceId: step.name,
        changes: step.changes,
        ...card,
      };
    }
    case 'pause':
      return { type: 'PauseMetaInstance', commandId, metaInstanceId: step.name };
    case 'resume':
      return { type: 'ResumeMetaInstance', commandId, metaInstanceId: step.name };
    case 'retry':
      return { type: 'RetryMetaInstance', commandId, metaInstanceId: step.name };
    case 'load':
      return { type: 'LoadMetaInstance', commandId, metaInstanceId: step.name };
    case 'delete':
      return { type: 'DeleteMetaInstance', commandId, metaInstanceId: step.name };
    case 'placeInstance':
      return { type: 'PlaceInstance', commandId, ...placing(world, step) };
    case 'createInstance':
      return { type: 'CreateInstance', commandId, instance: byHand(world, step) };
    case 'deleteInstance': {
      const serving = step.name === undefined ? undefined : instanceOf(disk.state, step.name)?.instanceId;
      const instanceId = step.instance ?? serving;
      return instanceId && { type: 'DeleteInstance', commandId, instanceId };
    }
    case 'cancelTask':
      return { type: 'CancelTask', commandId, taskId: step.task };
    case 'removeNode':
      return { type: 'RemoveNode', commandId, nodeId: nodeIdOf(step.removed) };
    default:
      return unreachable(step);
  }
}

/** What is to run and on which nodes. */
function placing(
  world: World,
  { model, nodes = [], spec }: StepOf<'create' | 'placeInstance'>,
): { readonly spec: MetaInstanceSpec; readonly card: ModelCard } {
  const nodeIds = nodes.map(nodeIdOf);
  return {
    spec: MetaInstanceSpec.parse({ ...spec, modelId: model, nodeIds }),
    card: cardOf(modelOf(world, model)),
  };
}

/** As a person writes it down: in a ring, the layers in equal parts. */
function byHand(world: World, { instance: instanceId, model, nodes }: StepOf<'createInstance'>): Instance {
  const card = cardOf(modelOf(world, model));
  return {
    instanceId,
    metaInstanceId: null,
    generation: 1,
    incarnation: 0,
    card,
    sharding: 'Pipeline',
    interconnect: 'MlxRing',
    contextLength: card.contextLength,
    assignments: nodes.map((name, rank) => ({
      rank,
      nodeId: nodeIdOf(name),
      firstLayer: Math.floor((card.layers * rank) / nodes.length),
      lastLayer: Math.floor((card.layers * (rank + 1)) / nodes.length),
    })),
    createdAt: 0,
  };
}

function modelOf({ scenario }: World, id: string): ModelSpec {
  const model = scenario.models.find((each) => each.id === id);
  if (model === undefined) throw new Error(`no model ${id}`);
  return model;
}

/** The card that a catalog would hold of the model. */
export function cardOf(model: ModelSpec): ModelCard {
  const weightBytes = Math.round(model.weightGiB * GiB);
  return {
    modelId: model.id,
    title: model.id,
    file: `${model.id.replace('/', '_')}.gguf`,
    fileBytes: model.fileGiB === undefined ? weightBytes : Math.round(model.fileGiB * GiB),
    sha256: null,
    architecture: 'llama',
    quantization: 'Q8_0',
    layers: model.layers,
    hiddenSize: model.hiddenSize,
    heads: model.heads,
    kvHeads: model.kvHeads,
    contextLength: model.contextLength,
    weightBytes,
    kvBytesPerToken: model.kvBytesPerToken,
    shardings: model.tensor ? ['Pipeline', 'Tensor'] : ['Pipeline'],
    ...(model.backends !== undefined && { backends: model.backends }),
    license: 'none',
  };
}
