import { describe, expect, it } from 'vitest'
import { GroupCommit, openDatabase } from '../../../runtime/group-commit.ts'

function database() {
  const db = openDatabase(':memory:')
  db.exec('CREATE TABLE t (v INTEGER UNIQUE)')
  const commits = new GroupCommit(db)
  const insert = (value: number): Promise<void> =>
    commits.write(() => void db.prepare('INSERT INTO t VALUES (?)').run(value))
  const values = (): unknown[] =>
    db
      .prepare('SELECT v FROM t ORDER BY rowid')
      .all()
      .map((row) => row.v)
  return { db, commits, insert, values }
}

describe('group commit', () => {
  it('keeps the order in which writes were asked for', async () => {
    const { insert, values } = database()
    await Promise.all([3, 1, 2].map(insert))
    expect(values()).toEqual([3, 1, 2])
  })

  it('undoes a write that throws, and only that one', async () => {
    const { insert, values } = database()
    const outcomes = await Promise.allSettled([insert(1), insert(1), insert(2)])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(values()).toEqual([1, 2])
  })

  it('commits what waits when it is closed, and refuses what comes later', async () => {
    const { commits, insert, values } = database()
    const waiting = insert(1)
    commits.close()
    await waiting
    expect(values()).toEqual([1])
    await expect(insert(2)).rejects.toMatchObject({ code: 'cancelled' })
  })
})
