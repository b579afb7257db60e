import type { Posting } from './generated/gpp/g3/Posting.js';
import { Refused } from './message.js';

export interface Transfer {
  id: string;
  debit: string; // the account that pays
  credit: string; // the account that receives
  currency: string;
  amountMinor: number;
}

/** One side of a booking. Every booking has two, and their amounts add up to zero. */
export interface Entry {
  id: string;
  account: string;
  amountMinor: number;
}

interface Account {
  currency: string;
  balanceMinor: number;
}

/** A double-entry ledger in memory: gone with the process. */
export class Ledger {
  readonly #accounts = new Map<string, Account>();
  readonly #posted = new Map<string, { transfer: Transfer; posting: Posting }>();
  readonly #journal: Entry[] = [];

  /** Opens an account. Its first money comes from the bank's own account of that currency. */
  open(number: string, currency: string, balanceMinor: number): void {
    const own = `BANK-${currency}`;
    if (!this.#accounts.has(own)) {
      this.#accounts.set(own, { currency, balanceMinor: 0 });
    }
    this.#accounts.set(number, { currency, balanceMinor: 0 });
    this.#book(`OPEN-${number}`, own, number, balanceMinor);
  }

  /** Moves money once an id; the same transfer again moves nothing and gives the first posting back. */
  post(transfer: Transfer): Posting {
    const { id, debit, credit, currency, amountMinor } = transfer;
    const before = this.#posted.get(id);
    if (before) {
      if (!sameTransfer(before.transfer, transfer)) {
        throw new Refused('ID_TAKEN', `the id ${id} belongs to another payment`);
      }
      return { ...before.posting, repeatedId: true };
    }
    if (debit === credit) {
      throw new Refused('SAME_ACCOUNT', `account ${debit} would pay itself`);
    }
    for (const number of [debit, credit]) {
      if (this.#account(number).currency !== currency) {
        throw new Refused('WRONG_CURRENCY', `account ${number} is not in ${currency}`);
      }
    }
    if (this.balance(debit) < amountMinor) {
      throw new Refused('NO_FUNDS', `account ${debit} has not enough money`);
    }

    this.#book(id, debit, credit, amountMinor);
    const posting = {
      debitAccount: debit,
      creditAccount: credit,
      amountMinor,
      debitBalanceMinor: this.balance(debit),
      creditBalanceMinor: this.balance(credit),
      repeatedId: false,
    };
    this.#posted.set(id, { transfer, posting });
    return posting;
  }

  balance(number: string): number {
    return this.#account(number).balanceMinor;
  }

  /** All entries so far, the oldest first. */
  journal(): readonly Entry[] {
    return this.#journal;
  }

  #book(id: string, debit: string, credit: string, amountMinor: number): void {
    for (const entry of [
      { id, account: debit, amountMinor: -amountMinor },
      { id, account: credit, amountMinor },
    ]) {
      this.#account(entry.account).balanceMinor += entry.amountMinor;
      this.#journal.push(entry);
    }
  }

  #account(number: string): Account {
    const account = this.#accounts.get(number);
    if (!account) {
      throw new Refused('UNKNOWN_ACCOUNT', `the ledger has no account ${number}`);
    }
    return account;
  }
}

function sameTransfer(a: Transfer, b: Transfer): boolean {
  return (
    a.debit === b.debit && a.credit === b.credit && a.currency === b.currency && a.amountMinor === b.amountMinor
  );
}
