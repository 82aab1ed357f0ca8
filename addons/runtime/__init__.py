"""What an operator makes and switches at run time, beside config.yml: keys, profiles, channels, prices.

`merging` reads it and puts it beside the file's; `changes` writes it; `views` shows it, with secrets masked; `sealing`
keeps credentials out of all that is not the one file for them. Everything here is plain values and blocking calls:
the gateway calls it in a thread, the command line as it is.
"""
