import { defineConfig } from 'vitest/config'

/**
 * The kinds of tests, a folder each; test/README.md says which is which. Unit tests come first, side by side; those that
 * start processes follow, two files at a time: they wait as much as they work, and nothing in them is judged by its time.
 */
export default defineConfig({
  test: {
    projects: [
      // Many of them wait for sockets and clocks: more workers than cores halve the time.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], maxWorkers: 4, sequence: { groupOrder: 0 } } },
      {
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
