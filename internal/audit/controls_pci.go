package audit

func pciDSS() []Control {
	return append(append(pciChanges(), pciEvents()...), pciLogs()...)
}

// pciChanges are the controls of requirement 6.
func pciChanges() []Control {
	return []Control{
		{ID: "6.2.3", Topic: "own software is reviewed before it is released", Gives: Nothing, Lacks: "reviews are in the system that keeps the code; records name the commit to look up there"},
		{ID: "6.3.1", Topic: "vulnerabilities are found and ranked", Gives: Partial, actions: []Action{Gates},
			Shows: "results of the vulnerability gate before each deploy", Lacks: "vulnerabilities that become known later; hosts"},
		{ID: "6.3.2", Topic: "an inventory of own software and its components", Gives: Partial, actions: []Action{BuiltRelease},
			Shows: "which releases have an SBOM, for which digests", Lacks: "the components themselves: slipway sbom prints them"},
		{ID: "6.5.1", Topic: "changes in production: description", Gives: Partial, actions: []Action{BuiltRelease, DeployStarted},
			Shows: "the version, commit and digests of each change", Lacks: "the reason for it and its effect on security, unless an approval says so"},
		{ID: "6.5.1", Topic: "changes in production: approval", Gives: Evidence, actions: []Action{Approved},
			Shows: "who approved which version for which environment, when and why", Lacks: "whether that person may approve"},
		{ID: "6.5.1", Topic: "changes in production: tests", Gives: Evidence, actions: []Action{Gates},
			Shows: "the results of the gates, security gates among them, before each deploy", Lacks: "whether they cover 6.2.4"},
		{ID: "6.5.1", Topic: "changes in production: failures and the way back", Gives: Evidence, actions: []Action{RolledBack, Aborted, Paused, Resumed, Promoted, Deployed},
			Shows: "how each deploy ended, and each return to an earlier release with its reason", Lacks: "changes that were made without Slipway"},
		{ID: "6.5.2", Topic: "requirements are confirmed after a significant change", Gives: Nothing, Lacks: "Slipway does not know which change is significant; the table of deploys lists the candidates"},
		{ID: "6.5.3", Topic: "production is separated from other environments", Gives: Nothing, Lacks: "networks and access rights separate them; records only name the environment"},
		{ID: "6.5.4", Topic: "roles are separated between environments", Gives: Partial, actions: []Action{Approved, Deployed},
			Shows: "whether the approver and who deployed are the same user", Lacks: "whether two users are two people; who may do what"},
		{ID: "6.5.5", Topic: "no live card numbers outside production", Gives: Nothing, Lacks: "Slipway does not see data"},
		{ID: "6.5.6", Topic: "no test data and accounts in production", Gives: Nothing, Lacks: "Slipway does not see data"},
	}
}

// pciEvents are those that say what is logged (10.2).
func pciEvents() []Control {
	return []Control{
		{ID: "10.2.1", Topic: "logs are active", Gives: Partial, all: true, Shows: "releases and deploys with Slipway, without a gap", Lacks: "logs of every other component"},
		{ID: "10.2.1.1", Topic: "access to cardholder data", Gives: Nothing, Lacks: "the services log that"},
		{ID: "10.2.1.2", Topic: "actions of administrators", Gives: Partial, all: true,
			Shows: "each release, approval, deploy, rollback and broken lock, with its user", Lacks: "what administrators do without Slipway, such as with kubectl or ssh"},
		{ID: "10.2.1.3", Topic: "access to logs", Gives: Nothing, Lacks: "who reads the files is for the operating system to log, such as with auditd"},
		{ID: "10.2.1.4", Topic: "refused access", Gives: Nothing, Lacks: "the operating system and the cluster refuse it, and log it"},
		{ID: "10.2.1.5", Topic: "changes of accounts and rights", Gives: Nothing, Lacks: "Slipway manages no users"},
		{ID: "10.2.1.6", Topic: "start, stop and pause of logs", Gives: Partial, actions: []Action{LogRenewed, LogRecovered, CheckpointMade},
			Shows: "that a log was started anew, by whom and why, and that a crash was repaired; the first record is the start",
			Lacks: "a log that was deleted with all of its files: a head that is kept elsewhere shows it"},
		{ID: "10.2.1.7", Topic: "system objects are created and deleted", Gives: Partial, actions: []Action{DeployStep, Deployed, RolledBack},
			Shows: "what a deploy started and removed", Lacks: "objects of databases and operating systems"},
		{ID: "10.2.2", Topic: "what a record has", Gives: Evidence, all: true,
			Shows: "user and user id, action, time, result, machine and repository, environment, service and digest, in each record", Lacks: "the network address of a person"},
	}
}

// pciLogs are those that say how logs are kept (10.3 to 10.7).
func pciLogs() []Control {
	return []Control{
		{ID: "10.3.1", Topic: "few may read logs", Gives: Partial, Shows: "only the owner of the state directory may open the log (modes 0700 and 0600)", Lacks: "who knows the owner's password"},
		{ID: "10.3.2", Topic: "nobody may modify logs", Gives: Partial, Shows: "the verification above: no record was changed, removed or moved, or where one was", Lacks: "root and the owner can write the files; that is found, not prevented"},
		{ID: "10.3.3", Topic: "logs are copied to a central place", Gives: Nothing, Lacks: "Slipway sends nothing anywhere; a copy verifies with slipway audit verify FILE"},
		{ID: "10.3.4", Topic: "changes of logs are detected", Gives: Partial, actions: []Action{CheckpointMade},
			Shows: "hashes from record to record, and signed checkpoints", Lacks: "an alarm: run slipway audit verify regularly, with a head that is kept elsewhere; it ends with exit code 4"},
		{ID: "10.4.1", Topic: "logs are reviewed", Gives: Nothing, Lacks: "people or another system do that"},
		{ID: "10.5.1", Topic: "logs are kept for a year", Gives: Partial, all: true, Shows: "the time of the first record; Slipway deletes none", Lacks: "copies for the case that the machine is lost"},
		{ID: "10.6.1", Topic: "clocks are synchronized", Gives: Nothing, Lacks: "the operating system does that; the verification notes where the clock went back"},
		{ID: "10.6.2", Topic: "time comes from few servers", Gives: Nothing, Lacks: "the operating system's settings say it"},
		{ID: "10.6.3", Topic: "settings of time are protected", Gives: Nothing, Lacks: "the operating system does that"},
		{ID: "10.7.2", Topic: "failures of logging are noticed", Gives: Nothing, Lacks: "a command that cannot record fails, so there is no record of it: watch the exit codes of slipway"},
	}
}
