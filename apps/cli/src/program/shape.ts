import type { Command } from 'commander';
import type { CommandShape } from '../completion/command-shape.ts';

/** A command line as completion sees it; hidden commands are left out. */
export function shapeOf(command: Command): CommandShape {
  return {
    name: command.name(),
    commands: command
      .createHelp()
      .visibleCommands(command)
      .map((inner) => shapeOf(inner)),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, short, required, flags, argChoices }) => ({
        flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
        value: required ? (/<(.+)>/.exec(flags)?.[1] ?? '') : null,
        choices: argChoices ?? [],
      })),
    words: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      choices: argument.argChoices ?? [],
      isRepeated: argument.variadic,
    })),
  };
}
